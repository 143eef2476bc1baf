"""What others keep of the same services: Backstage catalogs and CMDB exports become entries of Mainstay's catalog."""

from mainstay.normalize.entities.imports.importing import Imported, import_files

__all__ = ["Imported", "import_files"]
