"""The parts of the winery's sample: the story, club, visits, orders, and the planted edges."""
