"""The linearization of a plant; it lives with the plants, which hand it out."""

from hybridctl.plants.linearize import linearize as linearize
