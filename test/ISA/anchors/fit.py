"""Fits the constants that a chip file marks as fitted to the anchors, and tells how well the others predict one that is left out.

Least squares over relative errors, by Gauss-Newton steps with differences measured on the simulator. A weak pull to starting values that no anchor gave decides what
the anchors leave open: a constant that only the left-out anchor determines returns there.
"""
import numpy

from machine import constant, relative

SIGMA_OF_GOAL = 0.2
PULL_SIGMA = 1.0
# Round figures for constants that nothing else would determine: published orders of magnitude, and for se the drain of ve.
START = {"dma.latency_ns": 1000, "dma.row_ns": 20, "dma.burst_percent": 100, "ve.drain_cycles": 100, "se.drain_cycles": 100, "control.start_stop_ns": 30000}
DIFFERENCE = 0.1


class Fit:
    """The anchors of one chip and the constants fitted to them."""

    def __init__(self, simulator, anchors, chip):
        self.simulator, self.anchors = simulator, anchors
        self.keys = chip["fitted"]
        self.sigma = numpy.array([SIGMA_OF_GOAL * anchor.goal for anchor in anchors])
        self.start = numpy.array([float(START[key]) for key in self.keys])
        self.current = numpy.array([float(constant(chip, key)) for key in self.keys])

    def constants(self, values):
        """Whole numbers, as the chip file wants them."""
        return {key: max(0, round(float(value))) for key, value in zip(self.keys, values)}

    def errors(self, points):
        """Relative errors of every anchor at several points: [points, anchors]."""
        requests = [(anchor, self.constants(point)) for point in points for anchor in self.anchors]
        values = self.simulator.values(requests)
        return numpy.array([relative(value, anchor) for value, (anchor, _) in zip(values, requests)]).reshape(len(points), -1)

    def linear(self, point):
        """Errors at a point and their derivatives by each constant."""
        points = [numpy.round(point)]
        for i in range(len(point)):
            moved = points[0].copy()
            moved[i] = max(moved[i] + 1, round(moved[i] * (1 + DIFFERENCE)))
            points.append(moved)
        errors = self.errors(points)
        steps = numpy.array([points[i + 1][i] - points[0][i] for i in range(len(point))])
        return errors[0], (errors[1:] - errors[0]) / steps[:, None]

    def solve(self, point, errors, slopes, kept):
        """The best point of the linear model over the anchors in `kept`."""
        pull = 1 / (PULL_SIGMA * self.start)
        matrix = numpy.vstack([slopes[:, kept].T / self.sigma[kept, None], numpy.diag(pull)])
        target = numpy.concatenate([-errors[kept] / self.sigma[kept], pull * (self.start - point)])
        return numpy.maximum(0, point + numpy.linalg.lstsq(matrix, target, rcond=None)[0])

    def best(self, rounds=3):
        """The constants that fit all anchors."""
        point, everything = self.current, list(range(len(self.anchors)))
        for _ in range(rounds):
            errors, slopes = self.linear(point)
            point = self.solve(numpy.round(point), errors, slopes, everything)
        return self.constants(point)

    def leave_one_out(self):
        """For each anchor its error on a chip fitted without it, and those constants."""
        errors, slopes = self.linear(self.current)
        count = len(self.anchors)
        refits = [self.constants(self.solve(self.current, errors, slopes, [j for j in range(count) if j != i])) for i in range(count)]
        values = self.simulator.values(list(zip(self.anchors, refits)))
        return [(relative(value, anchor), refit) for value, anchor, refit in zip(values, self.anchors, refits)]
