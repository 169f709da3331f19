"""Check a built site: `python docs/check_links.py FOLDER`.

Every link between its pages leads to a file, and to a place in it where it names one. Nothing is loaded
from the web."""
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}


class Page(HTMLParser):
    "The links of a page, what it loads, and the places that links may name."

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loads, self.places = [], [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        "Note what one tag names."
        given = dict(attrs)
        self.places |= {given[key] for key in ("id", "name") if given.get(key)}
        if target := given.get(LOADS.get(tag, "href" if tag == "a" else "")):
            outward = tag == "link" and given.get("rel") in ("canonical", "search")
            (self.links if tag == "a" or outward else self.loads).append(target)


def faults(folder: Path) -> list[str]:
    "What is wrong with the links of all pages."
    pages = {path.resolve(): Page(path) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        found += [f"{name} loads {target}" for target in page.loads if urlsplit(target).netloc]
        for target in page.links + page.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not goal.is_file():
                found.append(f"{name} leads to {target}: no such file")
            elif goal in pages and unquote(parts.fragment) not in pages[goal].places:
                found.append(f"{name} leads to {target}: no such place")
    return found


if __name__ == "__main__":
    troubles = faults(Path(sys.argv[1]))
    print("\n".join(troubles) or "every link leads somewhere; nothing is loaded from the web")
    raise SystemExit(bool(troubles))
