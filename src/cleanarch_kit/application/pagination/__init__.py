"""Pages, cursors and the orders that they need."""
