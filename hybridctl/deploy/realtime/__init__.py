"""Inside `drive`: the grid of its periods, what happens in them, and who watches."""
