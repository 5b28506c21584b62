"""The metadata of the main database, and the columns that most of its tables have."""

from typing import Final

from sqlalchemy import Column, ForeignKey, MetaData, String

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID_LENGTH: Final = 40


def identifier(name: str = "id", *, key: bool = True) -> Column[str]:
    """Make the column of a thing's own identifier."""
    return Column(name, String(ID_LENGTH), primary_key=key, nullable=False)


def tenant() -> Column[str]:
    """Make the column that says whose a row is."""
    return Column("tenant_id", String(ID_LENGTH), ForeignKey("tenants.id"), nullable=False)


def reference(name: str, target: str, *, nullable: bool = False, index: bool = False) -> Column[str]:
    """Make a column that names a thing of another table.

    ``index`` where no index begins with it: who deletes the thing looks for every row that names it.
    """
    return Column(name, String(ID_LENGTH), ForeignKey(target), nullable=nullable, index=index)
