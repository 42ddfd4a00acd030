"""Google Vertex AI: online prediction on dedicated machines."""

from __future__ import annotations

from infercost.domain.provider import Charge, CloudProvider, HostingRules, ServingMode
from infercost.domain.scaling import ScalingOption, ScalingRules

__all__ = ["PROVIDER"]

_MB = 2**20
_SCALING_DOC = "docs.cloud.google.com/vertex-ai/docs/predictions/autoscaling"

PROVIDER = CloudProvider(
    name="vertex",
    title="Google Vertex AI",
    default_region="us-central1",
    catalog_package="infercost.providers.vertex",
    refresh="infercost.providers.vertex.refresh:refresh",
    charges=(
        Charge(
            name="egress",
            item="egress_internet_gb",
            driver="egress_gb",
            note="assumed: the price page of online prediction names no rate of its own, so the general one of internet"
            " data transfer (premium tier) is used; the free first GiB is not deducted",
        ),
        Charge(
            name="logs",
            item="logs_ingest_gb",
            driver="log_gb",
            note="container logs go to Cloud Logging; the 50 GiB a month that a project has free are not deducted",
        ),
        Charge(
            name="registry",
            item="registry_gb_month",
            driver="registry_gb",
            fixed_quantity=2.0,
            note="a 2 GB serving image in Artifact Registry is assumed; Google's prebuilt images are not billed",
        ),
        Charge(
            name="artifact",
            item="object_storage_gb_month",
            driver="artifact_gb",
            note="the model in Cloud Storage Standard, by its file size",
        ),
    ),
    hosting=HostingRules(
        min_replicas=1,
        recommended_min_replicas=2,
        billing_granularity_s=30.0,
        minimum_billed_s=30.0,
        max_payload_bytes=10 * _MB,
        memory_reserved_gib=1.0,
        vcpus_reserved=1.0,
        source="payload 10 MB on a dedicated public endpoint, which Google recommends (1.5 MB on a shared one):"
        " cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type; about one vCPU a replica for system processes,"
        " and two nodes for availability: cloud.google.com/vertex-ai/docs/predictions/configure-compute; billing in steps"
        " of 30 s and 1 GiB for the platform are assumed",
    ),
    scaling=ScalingRules(
        options=(
            ScalingOption(
                kind="vertex",
                metric="utilization",
                default_target=60.0,
                source=f"CPU utilization, with an accelerator the higher of CPU and its duty cycle: {_SCALING_DOC}",
            ),
        ),
        max_replicas=100,
        start_s=180.0,
        schedules=False,
        source=f"target 60 % unless given; scale to zero is a preview and left out: {_SCALING_DOC}. Assumed, for lack of a"
        " published figure: 180 s from the decision to a replica in service, requests spread at random, and 100 replicas"
        " (the quota is one of cores and accelerators)",
    ),
    modes=(
        ServingMode(
            name="realtime",
            title="online prediction on an endpoint",
            per="node-hour",
            granularity_s=30.0,
            minimum_s=30.0,
            idle="billed",
            failed="free",
            scales_to_zero=False,
            prices="estimated",
            verified=False,
            source="paid for while deployed, even if no prediction is made; models that failed to deploy are not charged; no"
            " scale to zero: cloud.google.com/vertex-ai/pricing; steps of 30 s are assumed",
        ),
        ServingMode(
            name="batch",
            title="batch prediction",
            per="node-hour",
            scales_to_zero=True,
            prices="missing",
            verified=False,
            source="a node hour is the time that a machine runs the job or waits ready for it:"
            " cloud.google.com/ai-platform/prediction/pricing (the product before Vertex AI). The SKUs are named"
            " Online/Batch Prediction, so it is likely to cost the same; that is not stated, and no estimate assumes it",
        ),
        ServingMode(
            name="spot",
            title="Spot nodes of an endpoint",
            per="node-hour",
            prices="shown",
            verified=False,
            source="SKUs of the Cloud Billing Catalog, read by a refresh; nodes may be taken away at any time. Rules of"
            " billing were not found",
        ),
    ),
    not_priced=(
        "taxes, support plans, private discounts and committed-use discounts",
        "free allowances: they belong to the account or project, which may have used them up",
        "GPUs attached to N1 machines, TPUs, Spot, DWS and reservations",
        "request-response logging to BigQuery, Model Monitoring and explanations",
        "Private Service Connect, Cloud NAT and traffic between zones or regions",
        "egress to Australia and China, which costs more than the rate used",
        "storing logs beyond 30 days, custom metrics, and Cloud Storage operations",
        "API Gateway or a load balancer in front of the endpoint",
    ),
)
