"""Virtual hearts.

Anatomy: landmarks (frame and valves), ventricles, atria, appendage, great_vessels, veins, coronaries; anatomy gathers
them, compose decides who gives way to whom, deformation makes every surface its own, heart makes voxels of it.
Population: factors reads population.json, which names the source of every number; population_command makes it from
prior.json (assumed and cited numbers) and the fits of real hearts, by way of recentre.
Commands: command (cohort), fit_command (cohort-fit), population_command (cohort-population), report (cohort-report).
conditional redraws what is not trusted; likeness places virtual and real hearts on one another.
Tools: fields and curves (implicit solids), grid and sampled (their evaluation), pose, real_heart and fitting (real
hearts), atlas and hanging (chambers from an atlas), checks, published, figures, record.
"""
