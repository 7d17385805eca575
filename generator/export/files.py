"""Everything that the board exports, by path: what stands beside the pages of the site."""

from generator.export.api import export_api
from generator.export.board import Board
from generator.export.data import conform_all, export_data
from generator.export.dictionary import make_dictionary
from generator.export.frames import make_frames


def export_files(board: Board) -> dict[str, bytes]:
    """Every exported file by its path below the site's root."""
    dictionary = make_dictionary(board.cohorts)
    tables = conform_all(dictionary, make_frames(board))
    data = export_data(board, dictionary, tables)
    files = {f"data/{path}": content for path, content in data.items()}
    return files | export_api(board, dictionary, tables["scores"])
