"""Events as data: registry, envelope, and the relay that sends them on."""
