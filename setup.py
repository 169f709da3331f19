"Installs the package as settings.ini describes it: that file is the project's only configuration."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(HERE / "settings.ini", encoding="utf-8")
project = config["DEFAULT"]

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
    package_data={project["lib_path"]: ["weights/*.safetensors", "weights/*.json", "clip/*", "splits/*", "paper/printed/*"]},
    install_requires=project["requirements"].split(),
    extras_require={"dev": project["dev_requirements"].split(), "fast": project["fast_requirements"].split()},
    entry_points={"console_scripts": project["console_scripts"].split()},
)
