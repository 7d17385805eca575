"""Everything on the board as data: tables, API, feeds and exports, as bytes by path."""
