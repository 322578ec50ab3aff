/**
 * An RSA-4096 key for tests, because making one takes seconds: the account key of the test hosts. It protects nothing.
 * The test of the commands lets a host make its own.
 */

const LINES = [
  "MIIJRAIBADANBgkqhkiG9w0BAQEFAASCCS4wggkqAgEAAoICAQCprd8aMQF2xxCjg83D/kO9JoHx8CgGqslJqRJ8",
  "csrom4lwSlWZa5FEaLbBGtTWl3q0B/UOCmn3LpfhP+Ctcg1xAbVfjrsrc1gZhKkR4f/hsCnW6FWcX7w4NPqUPwky",
  "prljVENv3AQEQbTCR9R0BFPTNOgjscAsowqgw2FUQ3QtqZB+8TjWgXfGzZfvCvwSBdtZRzKbMurc6kGvE6g7aZL1",
  "uAf9IpP5oOWGDBqfv8UNU/SOYxtxkRM9XR8q6y0k6I+5JnMv90DTwefpkk7QHkIXU0EqtnWEf9V+EvmjnpQxyzbf",
  "JliUUm0u2UdF/PfXH0ZFGuAx+fbLc+4QVt84TTi1bA8ExNHErwOYNQWo1+thlJosZcymYvN/tqmObxu4UsDwraBn",
  "/DH678TzyZWo4owFGO3BBSMLsSHEG90GMhAHqdxnskUrHkVamoD/lixtIeGtf41FkBydmK8EgW4947OINXC3FNiU",
  "jJy6vzkPts3X27qdSg4JoxIQFO1U886G3M1C9TGMaHtC28i/SdgcuqYC/Sy8v78ET+aDcJgGqTemFdQxh2JM7d2m",
  "E0BtFJMmdpKi9sk/cMxA62rU2dXJz4ct8hxgLxjKMGN9Dj0a0v8f3pzUVm5A5pgAYTrRQiUPAd6/PKAisu+04LQ9",
  "IvRD+3w63CP7IqLytFLL1y03/yjUrQIDAQABAoICACTcmorIma5Rqbo0MJgDHXkyq+lBCJkGMkt32QXDNHSbEZ0c",
  "8QKu/TSU4RsLdrCV4PjKf8DIn2OtMh6jr25OyD/EJMB5NA1I9hs5GDfD1sCTckt3Vt3taGj3jXZ2SUvBL6Y2EJ50",
  "+ERqd9f7HdsEc6d/J21VuM+Zrf3l5DeXnd4rp7IEOppTLw+362lphABwWEpJbuOLiL1sgM+FoDckBOKv08B46hfB",
  "jgt0hrYsxaTTF951BmnCICFlIRfEVp7djRemlECX4PP//J9gAxIweKAznIUodVhPIzTL74LNuRkmMioBXR3/2Ctk",
  "1ZiNT9RivXPW1lzVFnn1mgLftIe5MvfPsPGEi8gdrc3FdozXFoqhIgX4cIBeSDko866CViXQ7rJT/tCfQ9cSFtJA",
  "9TSexM/R+8g96myImvTgSHWLLM6Q9SGl+Qu5zSbiU1wn1wO7Ua/4NaS3Cl8lpQsB9yznKXN+rm5SBFpP/zmcDXjW",
  "Ty8k2ok3IM0PM4KAY+p4p7lq3ripSFdIsAM/3WjL2hrGJBW+utulMYnPAhcb/K/kdZtMumbTRaVI3ezITHq4IWn8",
  "J6gQNgyYEnDCfT/BKjtGmFybRo33d43/pg8bNbnE7asabAxt9mBIFtaroqIPEwq1FB31wQKmuhbFjzsGdJ8JiywG",
  "kiBqy/HthlPDQmD5KbChAoIBAQDqOAinFDgBAlqA6zKQywcgxF4G8Oo2IltfVZ+EEm8e7pAniOj/+JGlIn8XZiWy",
  "BmXIpy/WnMiQtl/HwUobk7SRgwWZbW9ro+jA8mRopy77Dydxo6XfUSCsTjb6U39rDr9S/MCDh8xTbvhGprwL4CMd",
  "RtyWnOK02+BXRTsZBwq+opq/akyB64FpokytJKqUfPHmZUpcGc9PWruQNFHBBgCTDM4Mz2YyCfxidcx9Hmd2pM8x",
  "hp+7VJvQW/WcZbkQneqyXORt0hwMCYoES+dNQFKRhKoyQ8b/sWNfVdGs9ubwSyZJsjaLrok2d9Kmhf083iqupdQ+",
  "X/fhpOw8nPRSBd2RAoIBAQC5dV0qx7AOsopcAFAKF9Oaa0J9j5TRuaRqFaYdLnw4n1WNWCuiZLiBuGm/8QmDw8eq",
  "eVKRxl1AhjFEoUMsn1+kEIO6YLBBfUhAfflwHi0b5D0JYSI+u5uP6LdSSrpUY2Um/ybPjXYEs5HrC02H/d8bE5BW",
  "xO4A7aYVIAssDrIvHrMIzLJR+QrtGWintPjUN0qhaIdvSNcY4C4TzMdqXXhD82LoxylAxbBt6FupIzzRfckg3F8H",
  "uCmkgJYkHLnbca2zgTZCXjezFwnlfUe4kZ/6rVytAJ8q5IOOY+AmFbc4P0a+WrmtYtt+1KFCyDT1b9DM6COoEJW6",
  "I9SgAAl/wmddAoIBAQCGZAhy9eL8kUEk389vzU8VuhbJnMqGrUgId7TDr2AbO39zb9dhqFrJifWqk23lrE4Sx/tn",
  "BScAAeULVRkUobfmFmvMEULxXGdc7rg2ZFdMrvFO/ztZ288Hjwl0sRxXbWrSTzyXPAA9j1reDyWvGriLP/GqafKb",
  "G96ptIuoXKYJpHtugavMkDj9R6b/Yh6OfPK/5Da6igSt373njF2sh6kktyAzsX1OEPTD+huPXza2mPJZ1Ikqj+2n",
  "rFxNlQCPTE0ycqKPcROuxHpw5KyfYtz9qkWN+d3hMQN33GInALSaBES/3IX3t/n7St2PtyoLFt8evv/9mks9Kchz",
  "LwvxVHRBAoIBAQCM+q2vJossMQbCdy5g7cnaWez6e9o6L2/PgNN83WhqtpyXTM4mrYAghCpHUZjVBE/UxFNDI1Ki",
  "CSCMtjXVRvWyRyeL15JExlLVS64BT78ks7S+W4tnur+/fr1Unh/UpJYxNcawAi4T1tl2nmn6lb8y2wVfIGZ4aC9X",
  "Ybt8a1OCREj+yHRJohJvOGB5FDYPRFTELCzAKNPyQgBk5sc0kQcqSGsI3tT6Ow0qD3cWNQY3jfIFu9+1g4aMWX9I",
  "xll2eoz7pp6zhuG6jynjvP93S6QcMAsCLDXSqlFjPYMYEGvuIxPJAjihmEOYv1Qy6vRvGufTzCfGy4y2KiSo2D5g",
  "U0y1AoIBAQCrhv67UaWiptfLcIVjNClNGO2HMMZ9ceMd5O+R1CvjAgZhr0CMHfW0LQmHMCd0JSiHfEtrdsRV0oLR",
  "zIOpYDdPD/ei7A/e6qWEkjoo5aZjTXFW1iOdHBx5oa8on8eqNHqjJoY0k83Jk39vuGchil0ZP/H/kUs0oa+c6uEA",
  "2nWPk55mPWIUXELW+VT5WZeWsOXHr+mFn7yotJzoBiMy82ur8cxrypeXxf0kvSv1jTSmYLl7gLALqyYh7hUAU3yP",
  "uqYK7a52M1wWKTY4yXK1JMiJDyuk9uqW6HyQMOpEKk8uJEsiEm4bE04GSEV5aUg2j33ZhBAMqoTjwiVetA3S+/zn",
];

/** PKCS#8 PEM. */
export const TEST_ACCOUNT_KEY = [
  "-----BEGIN PRIVATE KEY-----",
  ...LINES.join("").match(/.{1,64}/g)!,
  "-----END PRIVATE KEY-----",
  "",
].join("\n");
