"""Named starting points for a task."""

from hybridctl.strategies.dynamic import value_iteration as value_iteration
from hybridctl.strategies.names import about_references as about_references
from hybridctl.strategies.names import reference as reference
from hybridctl.strategies.names import references as references
from hybridctl.strategies.template import about_templates as about_templates
from hybridctl.strategies.template import template as template
from hybridctl.strategies.template import templates as templates
