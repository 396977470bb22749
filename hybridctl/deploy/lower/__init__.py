"""From a controller's jaxpr to straight-line code in another language."""
