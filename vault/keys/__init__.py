"""The key store: data keys under tenant keys under epoch keys, apart from everything they open."""
