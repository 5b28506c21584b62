"""The access and deletion log: leaves without personal data, signed checkpoints, receipts."""
