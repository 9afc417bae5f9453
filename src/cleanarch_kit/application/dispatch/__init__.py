"""How a message finds its way: pipelines that are compiled when the bus is built."""
