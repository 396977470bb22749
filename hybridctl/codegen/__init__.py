"""A jaxpr as code in another language; knows nothing of controllers."""
