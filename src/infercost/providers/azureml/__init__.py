"""Azure Machine Learning: managed online endpoints."""

from __future__ import annotations

from infercost.domain.provider import EVERY_MODE, Charge, CloudProvider, HostingRules, ServingMode
from infercost.domain.scaling import ScalingOption, ScalingRules

__all__ = ["PROVIDER"]
_SCALING_DOC = "learn.microsoft.com/azure/machine-learning/how-to-autoscale-endpoints"

PROVIDER = CloudProvider(
    name="azureml",
    title="Azure Machine Learning",
    default_region="eastus",
    catalog_package="infercost.providers.azureml",
    refresh="infercost.providers.azureml.refresh:refresh",
    charges=(
        Charge(
            name="egress",
            item="egress_internet_gb",
            driver="egress_gb",
            last_tier_from=10_240.0,
            note="compute and networking are billed, with no surcharge"
            " (learn.microsoft.com/azure/machine-learning/concept-endpoints-online); the 100 GB a month that a zone has"
            " free are not deducted",
        ),
        Charge(
            name="logs",
            item="logs_ingest_gb",
            driver="log_gb",
            modes=EVERY_MODE,
            note="container logs go to Log Analytics (pay as you go)",
        ),
        Charge(
            name="registry",
            item="registry_gb_month",
            driver="registry_gb",
            fixed_quantity=2.0,
            modes=EVERY_MODE,
            note="a 2 GB serving image in the workspace's Container Registry is assumed, at the rate beyond the included 10 GB",
        ),
        Charge(
            name="artifact",
            item="object_storage_gb_month",
            driver="artifact_gb",
            modes=EVERY_MODE,
            note="the model in Blob storage (hot, LRS), by its file size",
        ),
    ),
    hosting=HostingRules(
        min_replicas=1,
        recommended_min_replicas=3,
        billing_granularity_s=1.0,
        minimum_billed_s=0.0,
        max_payload_bytes=None,
        memory_reserved_gib=1.0,
        max_endpoint_rps=500.0,
        max_endpoint_bytes_per_s=5_000_000.0,
        source="three instances for high availability: learn.microsoft.com/azure/machine-learning/concept-endpoints-online;"
        " no payload limit is documented, but 5 MB/s and 500 requests a second an endpoint until raised:"
        " learn.microsoft.com/azure/machine-learning/how-to-manage-quotas; the 20 % more cores that upgrades need are quota,"
        " not billed; billing by the second and 1 GiB for the platform are assumed",
    ),
    scaling=ScalingRules(
        options=(
            ScalingOption(
                kind="azure",
                metric="utilization",
                default_target=70.0,
                source="rules of Azure Monitor autoscale on CpuUtilizationPercentage of the deployment, 70 % out and 30 % in in"
                f" the example: {_SCALING_DOC}",
            ),
        ),
        max_replicas=50,
        start_s=300.0,
        quota_factor=1.2,
        source="profiles by day and time are part of Azure Monitor autoscale:"
        " learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-overview; 50 instances a deployment, and 20 % of quota"
        " kept for upgrades: learn.microsoft.com/azure/machine-learning/how-to-manage-quotas. Assumed, for lack of a"
        " published figure: 300 s from the decision to an instance in service, and requests spread at random",
    ),
    modes=(
        ServingMode(
            name="realtime",
            title="managed online endpoint",
            per="instance-hour, at the price of the virtual machine",
            granularity_s=1.0,
            minimum_s=0.0,
            idle="billed",
            scales_to_zero=False,
            prices="estimated",
            verified=False,
            source="compute and networking are billed while deployed, with no surcharge:"
            " learn.microsoft.com/azure/machine-learning/concept-endpoints-online; the step of one second is assumed",
        ),
        ServingMode(
            name="batch",
            title="batch endpoint on a compute cluster",
            per="instance-hour, at the price of the virtual machine",
            idle="billed",
            scales_to_zero=True,
            prices="priced",
            verified=True,
            source="no charge for batch endpoints themselves; machines are allocated when a job starts and released when it is"
            " done: learn.microsoft.com/azure/machine-learning/concept-endpoints-batch; idle nodes cost, so the least"
            " number of nodes should be 0: learn.microsoft.com/azure/machine-learning/concept-compute-target, which also"
            " lists the series that clusters take. Not stated: the step, and what is billed while a node starts",
        ),
        ServingMode(
            name="batch_spot",
            title="batch endpoint on low-priority machines",
            per="instance-hour",
            scales_to_zero=True,
            prices="refreshed",
            verified=True,
            source="surplus capacity at a reduced price, that may not be available or be taken away at any time; if the whole"
            " cluster is, the job is cancelled: learn.microsoft.com/azure/machine-learning/how-to-use-low-priority-batch."
            " A refresh reads the Low Priority prices; the shipped list has none",
        ),
    ),
    not_priced=(
        "taxes, support plans, private discounts, reservations and savings plans",
        "free allowances: they belong to the account, which may have used them up",
        "OS disks of the instances, where the cloud bills them",
        "managed virtual network rules, firewalls and traffic between zones",
        "data collection and model monitoring",
        "Front Door or API Management in front of the endpoint",
    ),
)
