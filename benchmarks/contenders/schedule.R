# The dose events and weekly observations of the reference problem as one data frame in the order in which they happen;
# at the same time an observation comes before the doses. cmt is the name of the state.
schedule <- function(parameters, days) {
  day <- 0:(days - 1)
  pulse <- day[day %% 28 < 5]
  weeks <- seq_len(days %/% 7)
  events <- rbind(
    data.frame(time = day, cmt = "MPd", dose = "dose_mp"),
    data.frame(time = day[day %% 7 == 0], cmt = "MXd", dose = "dose_mx"),
    data.frame(time = day[day %% 28 == 0], cmt = "V1", dose = "dose_vc"),
    data.frame(time = c(pulse, pulse + 0.5), cmt = "PRd", dose = "dose_pr"),
    data.frame(time = 7 * weeks, cmt = "", dose = ""),
    data.frame(time = days, cmt = "end", dose = "")
  )
  events$evid <- as.integer(events$dose != "")
  one <- function(id) {
    out <- events
    out$ID <- id
    given <- out$evid == 1
    out$amt <- 0
    out$amt[given] <- as.numeric(parameters[id, out$dose[given]])
    out
  }
  all <- do.call(rbind, lapply(seq_len(nrow(parameters)), one))
  all <- all[order(all$ID, all$time, all$evid), ]
  all$dose <- NULL
  all
}
