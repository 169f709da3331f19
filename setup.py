"Installs the package as settings.ini describes it: that file is the project's only configuration."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(HERE / "settings.ini", encoding="utf-8")
project = config["DEFAULT"]

TOOLS = ("book", "packages")  # for those who write here: they need the notebooks, which no wheel has

EXTRAS = ("dev", "fast", "notebook", "site")


class Build(build_py):
    "A wheel without the tools of the book; in a checkout they are there."

    def find_package_modules(self, package, folder):
        return [module for module in super().find_package_modules(package, folder) if module[1] not in TOOLS]


setup(
    name=project["lib_name"],
    version=project["version"],
    description=project["description"],
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=project["author"],
    url=project["git_url"],
    license="Apache-2.0",
    keywords=project["keywords"],
    python_requires=f">={project['min_python']}",
    packages=find_packages(HERE, include=[project["lib_path"], f"{project['lib_path']}.*"]),
    package_data={project["lib_path"]: ["weights/*", "clip/*", "splits/*", "paper/printed/*", "py.typed"]},
    # 27 MB that Table 3 needs, and 8 MB of models that saw drawings only: they are for the tables
    exclude_package_data={project["lib_path"]: ["weights/ablation_*", "weights/*_drawn.*"]},
    cmdclass={"build_py": Build},
    install_requires=project["requirements"].split(),
    extras_require={name: project[f"{name}_requirements"].split() for name in EXTRAS},
    entry_points={"console_scripts": project["console_scripts"].split()},
)
