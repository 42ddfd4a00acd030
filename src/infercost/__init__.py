"""What one inference costs on SageMaker, Vertex AI and Azure ML, before you deploy.

>>> import infercost
>>> infercost.__version__.count(".")
2
"""

from infercost._version import __version__

__all__ = ["__version__"]
