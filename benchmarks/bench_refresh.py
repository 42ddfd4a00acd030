"""Refreshing SageMaker's prices: 30 regional files, and the global one, from a local server.

The server is a process of its own and serves files of the real size (about 3.7 MB of indented JSON
a region, 71 MB for all) that are built at the start; each measurement is a fresh process held to
one core. The bars: 30 MB of JSON a second, and a peak of 300 MB of resident memory. Exits 1 below.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.price import Region
from infercost.providers.sagemaker._offer_file import read_offer_file
from infercost.providers.sagemaker.refresh import refresh
from infercost.store.pricebook import load_catalog
from infercost.testing.price_servers.aws import AwsPriceListServer, RegionOffer, offer_document, on_demand, sku_of
from infercost.testing.price_servers.server import Answer

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

SPEED_BAR_MB_S = 30.0
MEMORY_BAR_MB = 300.0
TYPES = 108
"""Hosted instance types a region, on average."""
FILE_MB = 3.7
GLOBAL_MB = 71.0
MB = 1e6


def regional_file(region: str, target_mb: float) -> bytes:
    """An offer file of about the wanted size: inference rows among many more that are not."""
    names = [f"ml.bench{number}.xlarge" for number in range(TYPES)]
    prices = {name: f"{0.1 + number / 1000:.10f}" for number, name in enumerate(names)}
    offer = RegionOffer(
        region=region, hosting=prices, asynchronous=prices, batch=prices, serverless={1: "0.00002", 2: "0.00004"}
    )
    document = offer_document(offer)
    products, terms = document["products"], document["terms"]["OnDemand"]
    sample = next(iter(products.values()))
    size = len(json.dumps(document, indent=2))
    row = size / len(products)
    for number in range(max(0, round((target_mb * MB - size) / row))):
        sku = sku_of(region, str(number))
        attributes = sample["attributes"] | {"usagetype": f"Train:{number}", "component": "Training"}
        products[sku] = sample | {"sku": sku, "attributes": attributes}
        terms[sku] = {f"{sku}.T": on_demand(sku, "Hrs", [("0", "Inf", "1.0000000000")])}
    return json.dumps(document, indent=2).encode()


def serve(regions: list[str], ready: Connection, *, compress: bool) -> None:
    """Serve one body for all regions, its region replaced, from memory."""
    template = regional_file("REGION", FILE_MB)
    bodies = {region: template.replace(b"REGION", region.encode()) for region in regions}

    class Server(AwsPriceListServer):
        def answer(self, path: str, headers: Any) -> Answer:
            region = path.strip("/").split("/")[-2]
            return Answer(body=bodies[region], validators=True) if region in bodies else super().answer(path, headers)

    with Server((RegionOffer(region=region) for region in regions), compress=compress) as server:
        ready.send((server.url, sum(map(len, bodies.values()))))
        ready.recv()


def measure(work: Any, *arguments: Any) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MB of a call in a fresh process on one core."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measured, args=(theirs, work, arguments))
    process.start()
    theirs.close()  # else nobody hears that the process failed
    answer: tuple[float, float, float] = ours.recv()
    process.join()
    return answer


def _measured(answer: Connection, work: Any, arguments: tuple[Any, ...]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    seconds, cpu = work(*arguments)
    answer.send((seconds, cpu, peak_mb()))


def peak_mb() -> float:
    """Peak resident memory of this process. Linux's ru_maxrss also remembers what came before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB


def refresh_all(url: str, folder: Path, regions: list[str]) -> tuple[float, float]:
    """One refresh of all regions."""
    shipped = load_catalog("infercost.providers.sagemaker")
    placed = {region: Region(key=region, location=region, geography="us") for region in regions}
    shipped = replace(shipped, regions=placed)
    start, cpu = time.perf_counter(), time.process_time()
    refreshed = refresh(shipped=shipped, folder=folder, endpoint=url)
    elapsed = time.perf_counter() - start, time.process_time() - cpu
    # Real-time, asynchronous and batch by type; two sizes of serverless.
    assert len(refreshed.catalog.offers) == len(regions) * (3 * TYPES + 2), len(refreshed.catalog.offers)
    return elapsed


def read_global(path: Path) -> tuple[float, float]:
    """Read one file as large as the global one."""
    start, cpu = time.perf_counter(), time.process_time()
    rows = read_offer_file(path.read_bytes(), "2026-11-24")
    assert len(rows) > 3 * TYPES
    return time.perf_counter() - start, time.process_time() - cpu


def main() -> int:
    parser = argparse.ArgumentParser(description="Refreshing SageMaker's prices from a local server.")
    parser.add_argument("--regions", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    regions = [f"bench-{number:02}" for number in range(options.regions)]
    context = multiprocessing.get_context("spawn")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for compress in (False, True):
            ours, theirs = context.Pipe()
            server = context.Process(target=serve, args=(regions, theirs), kwargs={"compress": compress})
            server.start()
            url, size = ours.recv()
            # The best run says what the code can do; the machine is shared.
            fresh = [measure(refresh_all, url, Path(folder, f"{compress}{run}"), regions) for run in range(options.runs)]
            again = measure(refresh_all, url, Path(folder, f"{compress}0"), regions)
            ours.send("end")
            server.join()
            seconds, cpu, _ = min(fresh)
            peak = max(memory for _, _, memory in (*fresh, again))
            words = "gzip" if compress else "plain"
            print(
                f"{options.regions} regions, {words:5}: {size / MB:.0f} MB in {seconds:.2f} s = {size / MB / seconds:.0f} MB/s"
                f" ({size / MB / cpu:.0f} MB per CPU second), peak {peak:.0f} MB; unchanged: {again[1]:.2f} CPU s"
            )
            # gzip is squeezed anew for each request by the server, so only the reader's own time counts there.
            missed |= size / MB / (cpu if compress else seconds) < SPEED_BAR_MB_S or peak > MEMORY_BAR_MB
        path = Path(folder, "global.json")
        path.write_bytes(regional_file("us-east-1", GLOBAL_MB))
        seconds, _, peak = measure(read_global, path)
        print(f"global file: {path.stat().st_size / MB:.0f} MB read in {seconds:.2f} s, peak {peak:.0f} MB")
        missed |= peak > MEMORY_BAR_MB
    print(f"bars: {SPEED_BAR_MB_S:.0f} MB/s, {MEMORY_BAR_MB:.0f} MB: {'missed' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
