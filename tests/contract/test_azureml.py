from infercost.providers.azureml import PROVIDER
from infercost.testing.provider_contract import ProviderContract


class TestAzureMl(ProviderContract):
    provider = PROVIDER
