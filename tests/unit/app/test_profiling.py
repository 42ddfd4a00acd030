from __future__ import annotations

from dataclasses import replace

import pytest

from infercost.app.profiling import _recognise
from infercost.domain.errors import UsageError
from infercost.domain.profile import Machine

MACHINE = Machine(cpu_model="Intel(R) Xeon(R) Platinum 8375C", arch="x86_64", logical_cpus=4, memory_bytes=2**34, os="linux")


@pytest.mark.parametrize(
    ("firmware", "given", "named"),
    [
        (None, None, None),
        ("sagemaker:ml.c6i.xlarge", None, "sagemaker:ml.c6i.xlarge"),
        ("sagemaker:ml.u-24tb1.metal", None, None),
        ("sagemaker:ml.c6i.xlarge", "sagemaker:ml.c7i.xlarge", "sagemaker:ml.c7i.xlarge"),
    ],
)
def test_only_instances_that_the_table_knows_are_named(firmware, given, named):
    found = _recognise(replace(MACHINE, instance_type=firmware), given)
    assert (found.instance_type, found.cpu_family) == (named, "intel-icelake")


def test_an_unknown_instance_that_the_user_names_is_refused():
    with pytest.raises(UsageError, match=r"unknown instance 'ml\.c7i'; write provider:type"):
        _recognise(MACHINE, "ml.c7i")
