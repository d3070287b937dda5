"""Run the notebook on a folder of photos, and keep what it shows.

pip install -e '.[notebook]'
python docs/run_notebook.py my_photos
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("own_photos.ipynb")


def main(photos: str) -> None:
    """Execute all cells, with the photos in their folder, and write the notebook again."""
    os.environ["PHOTOS"] = str(Path(photos).absolute())
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, record_timing=False).execute()
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main(sys.argv[1])
