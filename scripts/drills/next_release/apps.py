from django.apps import AppConfig


class NextReleaseConfig(AppConfig):
    name = "scripts.drills.next_release"
    label = "next_release"
