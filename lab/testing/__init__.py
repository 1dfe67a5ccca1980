"""What tests of the product use of the lab. They import from here and from lab.simulation only."""
