"""Amazon SageMaker: real-time endpoints and serverless inference."""

from __future__ import annotations

from infercost.domain.provider import EVERY_MODE, Charge, CloudProvider, HostingRules, ServerlessRules, ServingMode
from infercost.domain.scaling import ScalingOption, ScalingRules

__all__ = ["PROVIDER"]

_MB = 2**20

_HOSTING_FAQ = "docs.aws.amazon.com/sagemaker/latest/dg/hosting-faqs.html"
_SERVERLESS_DOC = "docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html"
_SCALING_DOC = "docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html"
_ZERO_DOC = "docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html"
_ASYNC_SCALING_DOC = "docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html"

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
            modes=("realtime", "async"),
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
            name="queued request data",
            item="async_data_gb",
            driver="request_gb",
            modes=("async",),
            note="requests of an asynchronous endpoint, by the example on SageMaker's price page",
        ),
        Charge(
            name="queued response data",
            item="async_data_gb",
            driver="response_gb",
            modes=("async",),
            note="responses of an asynchronous endpoint, by the example on SageMaker's price page; they stay in S3",
        ),
        Charge(
            name="egress",
            item="egress_internet_gb",
            driver="egress_gb",
            last_tier_from=153_600.0,
            note="AWS data transfer to the internet, on top of data processed out; the 100 GB a month that an account has"
            " free are not deducted",
        ),
        Charge(
            name="logs",
            item="logs_ingest_gb",
            driver="log_gb",
            modes=EVERY_MODE,
            note="container logs go to CloudWatch Logs",
        ),
        Charge(
            name="registry",
            item="registry_gb_month",
            driver="registry_gb",
            fixed_quantity=2.0,
            modes=EVERY_MODE,
            note="a 2 GB serving image in ECR is assumed; AWS's own images are not billed",
        ),
        Charge(
            name="artifact",
            item="object_storage_gb_month",
            driver="artifact_gb",
            modes=EVERY_MODE,
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
            " second and no minimum are assumed",
        ),
        ServingMode(
            name="realtime, scaled to zero",
            title="real-time endpoint of inference components",
            per="instance-hour, at the price of a real-time endpoint",
            scales_to_zero=True,
            scaling=ScalingRules(
                options=(
                    ScalingOption(kind="target_tracking", metric="invocations", source=_SCALING_DOC),
                    ScalingOption(
                        kind="step",
                        metric="invocations",
                        default_target=1.0,
                        settings={"from_zero": 1.0},
                        source=f"NoCapacityInvocationFailures: {_ZERO_DOC}",
                    ),
                ),
                max_replicas=100,
                scales_to_zero=True,
                start_s=300.0,
                routing="least_outstanding",
                routings=("least_outstanding",),
                source=f"{_ZERO_DOC}; 300 s to start an instance are assumed (several minutes, it says), and 100 instances",
            ),
            prices="priced",
            verified=True,
            source="only endpoints that host inference components; at zero instances a request fails, and starting one takes"
            " several minutes: docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html",
        ),
        ServingMode(
            name="serverless",
            title="serverless endpoint",
            per="second at a memory size",
            granularity_s=0.001,
            idle="free",
            scales_to_zero=True,
            prices="estimated",
            verified=True,
            source=f"billed by the millisecond of processing, nothing while idle, scales to zero: {_SERVERLESS_DOC}; whether"
            " there is a minimum, and whether a cold start is billed, is not stated there",
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
            scaling=ScalingRules(
                options=(
                    ScalingOption(
                        kind="target_tracking",
                        metric="backlog",
                        default_target=5.0,
                        source=f"ApproximateBacklogSizePerInstance, 5 in the example: {_ASYNC_SCALING_DOC}",
                    ),
                    ScalingOption(
                        kind="step",
                        metric="backlog",
                        default_target=1.0,
                        settings={"from_zero": 1.0},
                        source=f"HasBacklogWithoutCapacity: {_ASYNC_SCALING_DOC}",
                    ),
                ),
                max_replicas=100,
                scales_to_zero=True,
                start_s=300.0,
                routing="central",
                routings=("central",),
                source=f"{_ASYNC_SCALING_DOC}. Assumed, for lack of a published figure: 300 s to start an instance, 100"
                " instances, and that a free instance takes the oldest request of the queue",
            ),
            prices="priced",
            verified=False,
            source="the instance count can scale to zero when no requests are queued, and then nothing is paid:"
            " docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html; that instances which wait are billed follows"
            " from it. Usage type AsyncInf; every price known equals the real-time one",
        ),
        ServingMode(
            name="batch",
            title="batch transform",
            per="instance-hour",
            idle="free",
            failed="billed",
            scales_to_zero=True,
            prices="priced",
            verified=True,
            source="billed from the job's start on its instances until it has completed, stopped or failed (TransformStartTime,"
            " TransformEndTime): docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTransformJob.html; instances"
            " exist for the length of a job: docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html. Not stated: the"
            " step, a minimum, and whether loading the model comes before that start. Usage type Tsform; every price known"
            " equals the real-time one",
        ),
    ),
    not_priced=(
        "taxes, support plans, private discounts and SageMaker Savings Plans",
        "free allowances: they belong to the account, which may have used them up",
        "data capture, Model Monitor and Shadow tests",
        "CloudWatch dashboards, and ECR requests",
        "API Gateway or Lambda in front of the endpoint",
    ),
)
