"""Motion for the eye: a 3D scene, and traces as videos and pictures."""

from hybridctl.show.film.render import Animation as Animation
from hybridctl.show.film.render import animation as animation
from hybridctl.show.film.render import frames as frames
from hybridctl.show.film.render import render as render
from hybridctl.show.film.scene import scene as scene
