"""Google Vertex AI: online prediction on dedicated machines."""

from __future__ import annotations

from infercost.domain.provider import EVERY_MODE, Charge, CloudProvider, HostingRules, ServingMode
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
            modes=EVERY_MODE,
            note="container logs go to Cloud Logging; the 50 GiB a month that a project has free are not deducted",
        ),
        Charge(
            name="registry",
            item="registry_gb_month",
            driver="registry_gb",
            fixed_quantity=2.0,
            modes=EVERY_MODE,
            note="a 2 GB serving image in Artifact Registry is assumed; Google's prebuilt images are not billed",
        ),
        Charge(
            name="artifact",
            item="object_storage_gb_month",
            driver="artifact_gb",
            modes=EVERY_MODE,
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
            name="realtime, scaled to zero",
            title="online prediction that scales to zero (in the beta API)",
            per="node-hour, at the price of online prediction",
            scales_to_zero=True,
            scaling=ScalingRules(
                options=(
                    ScalingOption(
                        kind="vertex",
                        metric="utilization",
                        default_target=60.0,
                        settings={"idle_s": 300.0, "awake_s": 300.0},
                        source="both periods at the least that can be set, 5 minutes; the default is an hour",
                    ),
                ),
                max_replicas=100,
                scales_to_zero=True,
                start_s=180.0,
                schedules=False,
                source="DedicatedResources.ScaleToZeroSpec of the API v1beta1:"
                " cloud.google.com/dotnet/docs/reference/Google.Cloud.AIPlatform.V1Beta1. Assumed, for lack of a published"
                " figure: 180 s to start a node, requests spread at random, and 100 nodes",
            ),
            prices="priced",
            verified=True,
            source="DedicatedResources.ScaleToZeroSpec of the API v1beta1: up for at least 5 minutes, and for a period without"
            " traffic that can be set: cloud.google.com/dotnet/docs/reference/Google.Cloud.AIPlatform.V1Beta1",
        ),
        ServingMode(
            name="batch",
            title="batch prediction",
            per="node-hour",
            idle="billed",
            scales_to_zero=True,
            prices="priced",
            verified=False,
            source="the SKUs that bill nodes are named Online/Batch Prediction, as on a bill of 2025-08, so the price is that"
            " of online prediction; a node hour is the time that a machine runs the job or waits ready for it:"
            " cloud.google.com/ai-platform/prediction/pricing (the product before Vertex AI). The step was not found",
        ),
        *(
            ServingMode(
                name=name,
                title=title,
                per="node-hour",
                scales_to_zero=zero,
                prices="refreshed",
                verified=True,
                source="billed by duration and machine type; the time in a queue or taken away is not paid for:"
                " cloud.google.com/vertex-ai/docs/predictions/use-spot-vms. A refresh reads the Spot SKUs; the shipped list has"
                " none, and whether a management fee comes on top is not stated",
            )
            for name, title, zero in (
                ("realtime_spot", "Spot nodes of an endpoint", None),
                ("batch_spot", "batch prediction on Spot nodes", True),
            )
        ),
    ),
    not_priced=(
        "taxes, support plans, private discounts and committed-use discounts",
        "free allowances: they belong to the account or project, which may have used them up",
        "GPUs attached to N1 machines, TPUs, DWS and reservations; Spot before a refresh",
        "request-response logging to BigQuery, Model Monitoring and explanations",
        "Private Service Connect, and traffic between regions",
        "egress to Australia and China costs more than the rate used, unless it is included by itself",
        "storing logs beyond 30 days, and Cloud Storage operations",
        "API Gateway in front of the endpoint",
    ),
)
