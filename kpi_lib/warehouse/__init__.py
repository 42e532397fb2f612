"""The warehouse room: GoogleSQL on the embedded DuckDB, landing files in, a reader out."""

from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.landing import fingerprint, load_sources, write_sources
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.reader import Reader, connect

__all__ = [
    "DuckDBWarehouse",
    "Reader",
    "Warehouse",
    "connect",
    "fingerprint",
    "load_sources",
    "write_sources",
]
