"""Numbers and pictures to record, table, figure and page; the only room that draws."""
