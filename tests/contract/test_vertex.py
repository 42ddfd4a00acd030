from infercost.providers.vertex import PROVIDER
from infercost.testing.provider_contract import ProviderContract


class TestVertex(ProviderContract):
    provider = PROVIDER
