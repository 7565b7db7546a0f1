"""The parts of a Grafana dashboard, as much of its JSON as our dashboards need."""
import dataclasses
import itertools

SOURCE = {"type": "prometheus", "uid": "prometheus"}
GREEN, YELLOW, RED = "green", "yellow", "red"


@dataclasses.dataclass
class Panel:
    """One panel. `queries` are (PromQL, legend); `steps` are (from this value on, colour), the first from None."""
    title: str
    unit: str
    description: str
    queries: list
    steps: tuple = ((None, GREEN),)
    kind: str = "timeseries"
    width: int = 8  # Of 24.
    stacked: bool = False
    log: bool = False  # Logarithmic axis.

    def json(self, number, x, y):
        defaults = {
            "unit": self.unit,
            "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in self.steps]},
        }
        options = {}
        if self.kind == "timeseries":
            defaults["custom"] = {
                "fillOpacity": 20 if self.stacked else 0,
                "stacking": {"mode": "normal" if self.stacked else "none"},
                "thresholdsStyle": {"mode": "line" if len(self.steps) > 1 else "off"},
                "scaleDistribution": {"type": "log", "log": 10} if self.log else {"type": "linear"},
            }
            options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
        elif self.kind == "stat":
            options = {"reduceOptions": {"calcs": ["lastNotNull"]}}
        elif self.kind == "status-history":
            defaults["color"] = {"mode": "thresholds"}
            options = {"showValue": "never", "rowHeight": 0.9}
        targets = [{"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend,
                    "format": "time_series"} for i, (expr, legend) in enumerate(self.queries)]
        return {
            "id": number, "type": self.kind, "title": self.title, "description": self.description, "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": 4 if self.kind == "stat" else 8},
            "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options, "targets": targets,
        }


def row(title, *panels):
    return title, panels


def layout(rows):
    """Rows of panels, filled from left to right."""
    numbers = itertools.count(1)
    placed, y = [], 0
    for title, panels in rows:
        placed.append({"id": next(numbers), "type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []})
        y += 1
        x = height = 0
        for panel in panels:
            if x + panel.width > 24:
                x, y = 0, y + height
                height = 0
            placed.append(panel.json(next(numbers), x, y))
            x += panel.width
            height = max(height, placed[-1]["gridPos"]["h"])
        y += height
    return placed


def variable(name, metric, label):
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": {"query": f"label_values({metric}, {label})", "refId": name},
        "refresh": 2, "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "sort": 1,
    }


def annotation(name, expr, text, color, enabled):
    return {"name": name, "datasource": SOURCE, "enable": enabled, "expr": expr, "step": "60s", "iconColor": color,
            "titleFormat": name, "textFormat": text}


def dashboard(uid, title, description, rows, variables, annotations):
    return {
        "uid": uid, "title": title, "description": description, "tags": ["maspo"], "schemaVersion": 38, "version": 1,
        "editable": True, "refresh": "10s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser",
        "templating": {"list": variables}, "annotations": {"list": annotations}, "panels": layout(rows),
        "links": [{"type": "dashboards", "tags": ["maspo"], "title": "maspo", "asDropdown": False, "includeVars": True, "keepTime": True}],
    }
