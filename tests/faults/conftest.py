import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(template_database: Path, tmp_path: Path) -> Path:
    """An empty working folder with an empty store; the commands' output goes beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(template_database, folder / "mlflow.db")
    return folder
