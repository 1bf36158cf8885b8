"""Controls are text only, and have names."""

import ipywidgets as widgets

from tests.views.looks import every


def test_no_html_widget_anywhere(ui):
    for name in ui.views:
        ui.tab = name
        for banned in (widgets.HTML, widgets.HTMLMath, widgets.Output):
            assert every(ui, banned) == []


def test_every_control_has_a_name(ui):
    controls = (widgets.Dropdown, widgets.IntSlider, widgets.Checkbox, widgets.SelectMultiple)
    for control in every(ui, controls):
        assert control.description
    for one in every(ui, widgets.Button):
        assert one.tooltip
