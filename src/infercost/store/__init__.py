"""The only reader and writer of files: artifacts, caches, hardware facts, the price book."""
