# rxode2, LSODA at rtol 1e-4, open loop: Rscript rxode2.R DIRECTORY DAYS CLOSED
suppressPackageStartupMessages(library(rxode2))
arguments <- commandArgs(trailingOnly = TRUE)
directory <- arguments[1]
days <- as.integer(arguments[2])
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "schedule.R"))
model <- rxode2(paste(readLines(file.path(directory, "model.txt")), collapse = "\n"))

begin <- proc.time()[["elapsed"]]
parameters <- read.csv(file.path(directory, "parameters.csv"))
data <- schedule(parameters, days)
data$cmt[data$evid == 0] <- NA
names(data)[names(data) == "ID"] <- "id"
parameters$id <- seq_len(nrow(parameters))
out <- as.data.frame(rxSolve(model, parameters, data, method = "lsoda", rtol = 1e-4, atol = 1e-6, maxsteps = 100000,
                             cores = 1))
if (is.null(out$id)) out$id <- 1
out <- out[out$time %% 7 == 0 & out$time > 0, ]
out <- out[!duplicated(out[, c("id", "time")]), ]
seconds <- proc.time()[["elapsed"]] - begin

out$share <- 1
write.csv(out[, c("id", "time", "C_a", "C_q", "blasts", "share")], file.path(directory, "weekly.csv"), row.names = FALSE)
writeLines(format(seconds, digits = 10), file.path(directory, "seconds.txt"))
