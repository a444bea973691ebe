"""Histogram of voxel intensities on a dataset card."""

from __future__ import annotations

import numpy as np

from atombench.audit.record import VolumeFindings
from atombench.audit.volumes import HISTOGRAM
from atombench.pages.figure import CLEAR, FONT, GRID

COLOUR = "#1f77b4"


def histogram_figure(audit: VolumeFindings) -> str:
    """Return the histogram as plotly JSON: percent of voxels by intensity, on a logarithmic axis."""
    import plotly.graph_objects as go

    low, high, bins = HISTOGRAM
    width = (high - low) / bins
    figure = go.Figure(
        go.Bar(
            x=(low + width * (np.arange(bins) + 0.5)).round(4).tolist(),
            y=[100 * share for share in audit.histogram],
            width=width,
            marker={"color": COLOUR},
            hovertemplate="%{x:.2f}: %{y:.3g} %<extra></extra>",
        )
    )
    figure.update_layout(
        height=220,
        margin={"l": 60, "r": 20, "t": 20, "b": 45},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font=FONT,
        xaxis={"title": "intensity of the curated volumes", "gridcolor": GRID, "zeroline": False},
        yaxis={"title": "% of voxels", "type": "log", "tickformat": "~g", "gridcolor": GRID},
        template=None,
    )
    return str(figure.to_json())
