"""Key providers that speak to a device or a service, behind the port of ``vault.keys.provider``."""
