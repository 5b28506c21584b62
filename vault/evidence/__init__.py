"""Evidence: what a company's auditor has to be told of the vault it uses (Art. 28(3)(h) GDPR), signed."""
