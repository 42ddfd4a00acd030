"""Scaffold the package of a new cloud, complete enough to pass its contract tests.

``python scripts/new_provider.py mycloud --region eu-1`` writes a folder ``infercost-mycloud/`` with a provider,
a price snapshot of one placeholder, an entry point and a contract test. Fill it, run its
``seal_prices.py`` after every change of a price table, and run its tests.
"""

from __future__ import annotations

import argparse
import keyword
import subprocess
import sys
from pathlib import Path
from string import Template

PYPROJECT = Template("""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "infercost-$name"
version = "0.1.0"
description = "$title for infercost"
requires-python = ">=3.11"
dependencies = ["infercost"]

[project.entry-points."infercost.providers"]
$name = "infercost_$name:PROVIDER"

[tool.hatch.build.targets.wheel]
packages = ["src/infercost_$name"]
""")

PROVIDER = Template('''\
"""$title."""

from __future__ import annotations

from infercost.domain.provider import Charge, CloudProvider, HostingRules

__all__ = ["PROVIDER"]

PROVIDER = CloudProvider(
    name="$name",
    title="$title",
    default_region="$region",
    catalog_package="infercost_$name",
    charges=(
        Charge(
            name="egress",
            item="egress_internet_gb",
            driver="egress_gb",
            note="placeholder: say where the rule comes from",
        ),
    ),
    hosting=HostingRules(
        min_replicas=1,
        recommended_min_replicas=2,
        billing_granularity_s=1.0,
        minimum_billed_s=60.0,
        max_payload_bytes=None,
        memory_reserved_gib=1.0,
        source="placeholder: link the page that states the limits",
    ),
    not_priced=("taxes, support plans and private discounts",),
)
''')

SEAL = Template('''\
"""Write prices/manifest.json anew after a change of a table: hashes, row counts and the date given.

    python seal_prices.py 2026-01-31
"""

from __future__ import annotations

import json
import sys
from datetime import date
from hashlib import sha256
from pathlib import Path

PRICES = Path(__file__).resolve().parent / "src" / "infercost_$name" / "prices"
TABLES = ("offers.csv", "rates.csv", "regions.csv")


def sealed(manifest: dict[str, object], as_of: str) -> dict[str, object]:
    tables = {name: (PRICES / name).read_bytes() for name in TABLES}
    files = {name: {"sha256": sha256(data).hexdigest(), "rows": data.count(b"\\n") - 1} for name, data in tables.items()}
    return {**manifest, "as_of": as_of, "files": files}


if __name__ == "__main__":
    day = date.fromisoformat(sys.argv[1]).isoformat()
    path = PRICES / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(sealed(manifest, day), indent=2, ensure_ascii=False) + "\\n", encoding="utf-8", newline="\\n")
''')

MANIFEST = Template("""\
{
  "schema_version": 1,
  "provider": "$name",
  "currency": "USD",
  "as_of": "$day",
  "source": "placeholder: the list that the prices were read from, and its version",
  "licence": "placeholder: the licence of that list",
  "derived": false,
  "derivation": null,
  "files": {},
  "flags": {"P": {"meaning": "placeholder price, not a real one", "warns": true}},
  "known_gaps": ["every price is a placeholder"],
  "explanations": [],
  "sources": []
}
""")

TEST = Template("""\
from infercost_$name import PROVIDER

from infercost.testing.provider_contract import ProviderContract


class TestContract(ProviderContract):
    provider = PROVIDER
""")

README = Template("""\
# infercost-$name

$title as a provider of infercost. Installed beside it, `infercost estimate --provider $name` prices it:
nothing in infercost itself names this package.

1. Replace every `placeholder` in `src/infercost_$name/`, each with its source.
2. After a change of a table: `python seal_prices.py YYYY-MM-DD`, the day that the prices were valid on.
3. `pip install -e . pytest && pytest`.

Instance types are predicted only if infercost's hardware table knows them; send their rows there, a source
each.
""")

OFFERS = Template("region,mode,instance_type,unit,price,flag\n$region,realtime,$name.small,hour,0.10,P\n")
RATES = Template(
    "item,region,unit,price,from_quantity,as_of,source\n"
    'egress_internet_gb,*,GB,0.10,0,$day,"placeholder: the price page and what it says"\n'
)
REGIONS = Template("region,location,geography\n$region,placeholder,eu\n")

FILES = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "seal_prices.py": SEAL,
    "src/infercost_$name/__init__.py": PROVIDER,
    "src/infercost_$name/prices/manifest.json": MANIFEST,
    "src/infercost_$name/prices/offers.csv": OFFERS,
    "src/infercost_$name/prices/rates.csv": RATES,
    "src/infercost_$name/prices/regions.csv": REGIONS,
    "tests/test_contract.py": TEST,
}
PLACEHOLDER_DAY = "2026-01-01"


def scaffold(name: str, title: str, region: str, out: Path) -> Path:
    """Write the package into a new folder under ``out`` and return that folder."""
    folder = out / f"infercost-{name}"
    if folder.exists():
        sys.exit(f"{folder} exists; choose another name or --out")
    values = {"name": name, "title": title, "region": region, "day": PLACEHOLDER_DAY}
    for template_path, template in FILES.items():
        path = folder / Template(template_path).substitute(values)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.substitute(values), encoding="utf-8", newline="\n")
    subprocess.run([sys.executable, str(folder / "seal_prices.py"), PLACEHOLDER_DAY], check=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description="Scaffold the package of a new cloud.")
    parser.add_argument("name", help="key on the command line and in JSON: lower case, a Python identifier")
    parser.add_argument("--title", help="name for people; by default the key")
    parser.add_argument("--region", required=True, help="the default region's key")
    parser.add_argument("--out", type=Path, default=Path(), help="folder to write into")
    options = parser.parse_args()
    if not options.name.isidentifier() or options.name != options.name.lower() or keyword.iskeyword(options.name):
        parser.error(f"{options.name!r} is not a lower-case identifier; take a name like mycloud")
    print(scaffold(options.name, options.title or options.name, options.region, options.out))


if __name__ == "__main__":
    main()
