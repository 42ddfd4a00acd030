from infercost.providers.sagemaker import PROVIDER
from infercost.testing.provider_contract import ProviderContract


class TestSageMaker(ProviderContract):
    provider = PROVIDER
