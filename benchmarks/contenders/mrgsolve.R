# mrgsolve, rtol 1e-5 (at 1e-4 the closed loop misses 1e-3): Rscript mrgsolve.R DIRECTORY DAYS CLOSED
suppressPackageStartupMessages(library(mrgsolve))
arguments <- commandArgs(trailingOnly = TRUE)
directory <- arguments[1]
days <- as.integer(arguments[2])
closed <- as.integer(arguments[3])
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "schedule.R"))
model <- mcode("maintenance", paste(readLines(file.path(directory, "model.txt")), collapse = "\n"))

begin <- proc.time()[["elapsed"]]
parameters <- read.csv(file.path(directory, "parameters.csv"))
data <- schedule(parameters, days)
data <- cbind(data, parameters[data$ID, ], closed = closed)
data$cmt <- ifelse(data$evid == 1, match(data$cmt, cmtn(model)), 0)
out <- as.data.frame(mrgsim_d(model, data, rtol = 1e-5, atol = 1e-7, maxsteps = 100000, obsonly = TRUE))
out <- out[out$time %% 7 == 0 & out$time > 0, ]
out <- out[!duplicated(out[, c("ID", "time")]), ]
seconds <- proc.time()[["elapsed"]] - begin

write.csv(out[, c("ID", "time", "anc", "plt", "blasts", "share")], file.path(directory, "weekly.csv"), row.names = FALSE)
writeLines(format(seconds, digits = 10), file.path(directory, "seconds.txt"))
