"""The weekly mail to creators and advertisers: the numbers of their page, in a form that mail programs keep."""
