"""Amazon SageMaker: real-time endpoints and serverless inference."""

from __future__ import annotations

from infercost.domain.provider import Charge, CloudProvider, HostingRules, ServerlessRules, ServingMode
from infercost.domain.scaling import ScalingOption, ScalingRules

__all__ = ["PROVIDER"]

_MB = 2**20

_HOSTING_FAQ = "docs.aws.amazon.com/sagemaker/latest/dg/hosting-faqs.html"
_SERVERLESS_DOC = "docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html"
_SCALING_DOC = "docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html"

PROVIDER = CloudProvider(
    name="sagemaker",
    title="Amazon SageMaker",
    default_region="us-east-1",
    catalog_package="infercost.providers.sagemaker",
    refresh="infercost.providers.sagemaker.refresh:refresh",
    charges=(
        Charge(
            name="storage",
            item="endpoint_storage_gb_month",
            driver="endpoint_storage_gb",
            fixed_quantity=30.0,
            modes=("realtime",),
            note="30 GB a replica is assumed: the volume that SageMaker attaches depends on the instance type, and types"
            " with local NVMe get none (docs.aws.amazon.com/sagemaker/latest/dg/host-instance-storage.html)",
        ),
        Charge(
            name="request data", item="data_in_gb", driver="request_gb", note="data processed in, by SageMaker's price page"
        ),
        Charge(
            name="response data", item="data_out_gb", driver="response_gb", note="data processed out, by SageMaker's price page"
        ),
        Charge(
            name="egress",
            item="egress_internet_gb",
            driver="egress_gb",
            last_tier_from=153_600.0,
            note="AWS data transfer to the internet, on top of data processed out; the 100 GB a month that an account has"
            " free are not deducted",
        ),
        Charge(name="logs", item="logs_ingest_gb", driver="log_gb", note="container logs go to CloudWatch Logs"),
        Charge(
            name="registry",
            item="registry_gb_month",
            driver="registry_gb",
            fixed_quantity=2.0,
            note="a 2 GB serving image in ECR is assumed; AWS's own images are not billed",
        ),
        Charge(
            name="artifact",
            item="object_storage_gb_month",
            driver="artifact_gb",
            note="the model in S3 Standard, by its file size",
        ),
    ),
    hosting=HostingRules(
        min_replicas=1,
        recommended_min_replicas=2,
        billing_granularity_s=1.0,
        minimum_billed_s=0.0,
        max_payload_bytes=25 * _MB,
        memory_reserved_gib=0.5,
        source=f"payload 25 MB: {_HOSTING_FAQ}; two replicas, so that they spread over availability zones:"
        " docs.aws.amazon.com/sagemaker/latest/dg/deployment-best-practices.html; billing by the second and 0.5 GiB for"
        " the platform are assumed",
    ),
    serverless=ServerlessRules(
        billing_granularity_s=0.001,
        vcpus_per_gib=1024 / 1769,
        max_vcpus=6144 / 1769,
        cpu_family="intel-cascadelake",
        keep_alive_s=300.0,
        cold_start_s=5.0,
        max_concurrency=200,
        max_payload_bytes=4 * _MB,
        memory_reserved_gib=0.35,
        verified=False,
        source=f"documented: memory of 1 to 6 GB in steps of 1 GB, CPU in proportion to it, billing by the millisecond,"
        f" concurrency up to 200, payload up to 4 MB ({_SERVERLESS_DOC}, {_HOSTING_FAQ}). Assumed, for lack of a published"
        " figure: one vCPU per 1,769 MB as on AWS Lambda, which runs it; Cascade Lake; 5 s to start a container;"
        " 300 s until an idle one is taken away; 0.35 GiB for Python, ONNX Runtime and the server beside the model",
    ),
    scaling=ScalingRules(
        options=(
            ScalingOption(
                kind="target_tracking",
                metric="invocations",
                source=f"SageMakerVariantInvocationsPerInstance: {_SCALING_DOC}",
            ),
            ScalingOption(
                kind="target_tracking",
                metric="concurrency",
                source=f"SageMakerVariantConcurrentRequestsPerModelHighResolution, every 10 s: {_SCALING_DOC}",
            ),
        ),
        max_replicas=100,
        start_s=300.0,
        routing="random",
        routings=("random", "least_outstanding"),
        source="random unless the production variant's RoutingConfig says LEAST_OUTSTANDING_REQUESTS:"
        " docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantRoutingConfig.html; scheduled actions:"
        " docs.aws.amazon.com/autoscaling/application/userguide. Assumed, for lack of a published figure: 300 s from the"
        " decision to an instance in service, and 100 instances (the quota is the account's and the instance type's)",
    ),
    modes=(
        ServingMode(
            name="realtime",
            title="real-time endpoint",
            per="instance-hour",
            granularity_s=1.0,
            minimum_s=0.0,
            idle="billed",
            scales_to_zero=False,
            prices="estimated",
            verified=False,
            source="billed while deployed, with or without requests: aws.amazon.com/sagemaker-ai/pricing; the step of one"
            " second and no minimum are assumed. Endpoints of inference components can scale to zero and are not modelled",
        ),
        ServingMode(
            name="serverless",
            title="serverless endpoint",
            per="second at a memory size",
            granularity_s=0.001,
            minimum_s=0.0,
            idle="free",
            scales_to_zero=True,
            prices="estimated",
            verified=False,
            source=f"billed by the millisecond of processing, nothing while idle: {_SERVERLESS_DOC}; whether a cold start is"
            " billed is not stated there",
        ),
        ServingMode(
            name="serverless, provisioned",
            title="provisioned concurrency",
            per="second provisioned, and second of use, at a memory size",
            idle="billed",
            scales_to_zero=False,
            prices="shown",
            verified=False,
            source=f"capacity is kept warm and paid for, and use on top of it: {_SERVERLESS_DOC}",
        ),
        ServingMode(
            name="async",
            title="asynchronous endpoint",
            per="instance-hour",
            idle="billed",
            scales_to_zero=True,
            prices="shown",
            verified=False,
            source="the instance count can scale to zero when no requests are queued, and then nothing is paid:"
            " docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html; that instances which wait are billed follows"
            " from it",
        ),
        ServingMode(
            name="batch",
            title="batch transform",
            per="instance-hour",
            scales_to_zero=True,
            prices="shown",
            verified=False,
            source="instances exist for the length of a job: docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html;"
            " what is billed while they start, and the step, were not found",
        ),
    ),
    not_priced=(
        "taxes, support plans, private discounts and SageMaker Savings Plans",
        "free allowances: they belong to the account, which may have used them up",
        "data capture, Model Monitor and Shadow tests",
        "NAT gateways, VPC endpoints and traffic between zones or regions",
        "KMS requests and keys",
        "CloudWatch alarms, dashboards and custom metrics; storing logs beyond taking them in",
        "S3 and ECR requests, and pulling images across regions",
        "API Gateway, Lambda or a load balancer in front of the endpoint",
    ),
)
