"""Pictures of pages, wide and narrow, light and dark: `python -m tests.browser.shots /dashboard/creator --out shots`.

A page is an address or a path below --base. With --user the sign-in page is filled in first. What a page said in its
console, and whether it scrolls sideways, is printed.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright


def main(arguments: list[str] | None = None) -> int:
    options = _options().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"))
        try:
            for theme in options.themes.split(","):
                _theme(browser, options, theme)
        finally:
            browser.close()
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--out", type=Path, default=Path("screenshots"))
    parser.add_argument("--base", default="http://acme.localhost:8000")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--widths", default="390,1440", help="pixels, with commas")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--first-screen", action="store_true", help="not the whole page")
    return parser


def _theme(browser: Browser, options: argparse.Namespace, theme: str) -> None:
    context = browser.new_context(color_scheme=theme, base_url=options.base, device_scale_factor=1)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("console", lambda said: print(f"  console {said.type}: {said.text}"))
    page.on("pageerror", lambda error: print(f"  error: {error}"))
    if options.user:
        sign_in(page, options.user, options.password)
    for address in options.pages:
        for width in map(int, options.widths.split(",")):
            shoot(page, address, width, theme, options)
    context.close()


def sign_in(page: Page, user: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill('input[name="login"]', user)
    page.fill('input[name="password"]', password)
    page.click('main button:has-text("Sign in")')
    page.wait_for_load_state()


def shoot(page: Page, address: str, width: int, theme: str, options: argparse.Namespace) -> None:
    page.set_viewport_size({"width": width, "height": options.height})
    answer = page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    name = re.sub(r"[^a-z0-9]+", "-", address.lower().removeprefix("http://")).strip("-") or "root"
    target = options.out / f"{name}-{width}-{theme}.png"
    page.screenshot(path=target, full_page=not options.first_screen, animations="disabled")
    sideways = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    print(f"{answer.status if answer else '?'} {target}{'  SCROLLS SIDEWAYS' if sideways else ''}")


if __name__ == "__main__":
    sys.exit(main())
