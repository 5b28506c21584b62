"""What can go wrong with a store: one class per decision the caller can take."""


class StorageError(Exception):
    """Base of everything the package raises on purpose. `places` names whose fault it is, of several."""

    places: tuple[str, ...] = ()


# --- the caller's side --------------------------------------------------------------------------------------


class BadKeyError(StorageError):
    """The text is no object key or prefix: build keys from ids, as the contract in `storage.store` tells."""


class AbsentError(StorageError):
    """No object has this key (any more): do not try again."""


class ExistsError(StorageError):
    """The key is taken and the caller asked for a new one: take another, or accept what is there."""


class ChangedError(StorageError):
    """Another object took this key while it was read: what was read so far is of the old one; begin anew."""


class OutOfRangeError(StorageError):
    """The byte range begins at or behind the end: ask inside ``size_bytes``."""

    def __init__(self, message: str, *, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class TooLargeError(StorageError):
    """More bytes than the caller or the store allows: read in ranges, or store less."""


# --- the store's side: the operator acts --------------------------------------------------------------------


class UnavailableError(StorageError):
    """The store does not answer, or not sensibly: try again later. A put may or may not have been stored."""


class RefusedError(StorageError):
    """The store understood and said no (credential, permission, settings): a retry gets the same answer."""


class NoSpaceError(RefusedError):
    """The store is full: free space. What was acknowledged is safe, this put left nothing behind."""


class RetainedError(RefusedError):
    """A retention rule or legal hold of the store keeps the object: only the rule's owner can lift it."""


class MisplacedError(RefusedError):
    """The store lies, or may lie, where the rule does not allow it: nothing was written."""
